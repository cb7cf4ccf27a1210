{{%AUTOESCAPE context="HTML"}}{{>TOP}}
<div class="done" role="status"><h1>{{T_OBJECTION_DONE}}</h1>
<p>{{T_OBJECTION_RECEIPT}} <strong class="receipt">{{RECEIPT}}</strong></p>
<p>{{T_OBJECTION_RECEIPT_HINT}}</p></div>
<p><a href="{{BACK_URL}}">{{T_OBJECTION_BACK}}</a></p>
{{>BOTTOM}}
