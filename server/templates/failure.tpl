{{%AUTOESCAPE context="HTML"}}{{>TOP}}
<h1>{{TITLE}}</h1>
<p class="lead">{{MESSAGE}}</p>
{{#REQUEST}}<p>{{T_FAILURE_REQUEST}} {{ID}}</p>{{/REQUEST}}
<p><a href="{{HOME_URL}}">{{T_NAV_HOME}}</a></p>
{{>BOTTOM}}
