{{%AUTOESCAPE context="HTML"}}{{>TOP}}
<h1>{{TITLE}}</h1>
<p class="lead">{{MESSAGE}}</p>
<p><a href="{{HOME_URL}}">{{T_NAV_HOME}}</a></p>
{{>BOTTOM}}
